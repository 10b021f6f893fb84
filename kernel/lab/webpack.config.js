// Modules by their names: numbers would follow from the folder in which it is built.
module.exports = { optimization: { moduleIds: "named" } };
