module.exports = {
  testEnvironment: "jsdom",
  testMatch: ["<rootDir>/tests/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/labextension", "<rootDir>/lib"],
  // Sources name each other as browsers need it, by the built file.
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: {
    "\\.ts$": ["ts-jest", { tsconfig: "tests/tsconfig.json", diagnostics: false }],
  },
};
