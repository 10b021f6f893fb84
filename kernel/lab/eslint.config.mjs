import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import { defineConfig } from "eslint/config";
import ts from "typescript-eslint";

export default defineConfig(
  { ignores: ["labextension", "lib", "*.js", "*.mjs", "*.cjs"] },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  prettier,
  {
    languageOptions: {
      parserOptions: { project: ["tsconfig.json", "src/extension/tsconfig.json", "tests/tsconfig.json"] },
    },
    rules: {
      // Handlers that end with what they call.
      "@typescript-eslint/no-confusing-void-expression": "off",
      // Signals of Lumino take a method and its object.
      "@typescript-eslint/unbound-method": "off",
      // What is known by the line above, as `undefined` checks of arrays are strict.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
);
