import tseslint from "typescript-eslint";

const framework = ["preact", "preact/*", "preact-iso", "@preact/signals"];

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/api/schema.ts"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js"] } } },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      eqeqeq: "error",
      "max-lines": ["error", 400],
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Text goes in as text: textContent." },
        { property: "outerHTML", message: "Text goes in as text: textContent." },
      ],
    },
  },
  {
    files: ["src/{api,state,logs,lib}/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: framework, message: "Only pages and components know the framework." }] },
      ],
    },
  },
  { files: ["src/lib/**"], rules: { "no-restricted-imports": ["error", { patterns: ["../*", ...framework] }] } },
  { files: ["**/*.js"], ...tseslint.configs.disableTypeChecked },
);
