// As tests/test_stages.py has it for the kernel.

import { colour, inComments, inMetadata, normalised } from "../src/extension/stages";

test.each<[string, string[]]>([
  ["", []],
  ["x = 1", []],
  ["# stage data reading", []],
  ["#%% stage: data", []],
  ["# stage: data", ["data"]],
  ["##  stage  :  data", ["data"]],
  ["    # STAGE: Data\n    x = 1", ["Data"]],
  ["# stage: a, b", ["a", "b"]],
  ["# stage: a\n# stage: b", ["a", "b"]],
  ["# stage: a, A, a", ["a"]],
  ["# stage: data reading\n# stage: data-reading", ["data reading"]],
  ["# stage: <b>x</b>", ["<b>x</b>"]],
  ["# one\n\n# stage: data", ["data"]],
  ["x = 1\n# stage: data", []],
  ["x = 1  # stage: data", []],
  ["%%time\n# stage: data\nx = 1", ["data"]],
  ["# stage: a\n%%time\n# stage: b", ["a"]],
  ["%time x = 1\n# stage: data", []],
])("comments %j", (source, stages) => {
  expect(inComments(source)).toEqual(stages);
});

test.each<[object, string[]]>([
  [{}, []],
  [{ provenance: {} }, []],
  [{ provenance: { stage: "feature engineering" } }, ["feature engineering"]],
  [{ provenance: { stage: ["a", "B", 1, null] } }, ["a", "B"]],
  [{ tags: ["stage:data", "stage=b", "stage-c", "stages", "backstage:x", 1] }, ["data", "b", "c"]],
  [{ tags: "stage:data" }, []],
  [{ provenance: { stage: "Data" }, tags: ["Stage: data"] }, ["Data"]],
])("metadata %j", (metadata, stages) => {
  expect(inMetadata(metadata)).toEqual(stages);
});

test.each([
  [" Data _- Reading ", "data_reading"],
  ["__data__", "data"],
  ["Straße", "strasse"],
  ["STRASSE", "strasse"],
  ["特徴", "特徴"],
])("the name of %j", (label, name) => {
  expect(normalised(label)).toBe(name);
});

test("colours follow the order in which stages appear, and come again", () => {
  const appearing = ["a", "b", "c", "d", "e", "f", "g"];
  expect(appearing.map((each) => colour(each, appearing))).toEqual([0, 1, 2, 3, 4, 5, 0]);
});
