// eslint --config tooling/eslint.config.mjs
import { fileURLToPath } from 'node:url'
import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const noDefaultExports = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export has a different name at each importer.',
}

const timeAndChance = 'Take time and chance from the Runtime, so that a test can be the clock.'
const clocks = [
  ['Date', 'now'],
  ['Math', 'random'],
  ['performance', 'now'],
].map(([object, property]) => ({ object, property, message: timeAndChance }))
const timers = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
  name,
  message: timeAndChance,
}))
const timerModules = ['node:timers', 'node:timers/promises', 'timers', 'timers/promises'].map(
  (name) => ({ name, message: timeAndChance }),
)

const onlyCore = {
  regex: '^@libkv/(?!core$|core/(driver|recipe)$)',
  message: 'Backends, recipes and the suite know core and nothing else of @libkv.',
}
const noNeighbours = {
  regex: '^@libkv/',
  message: 'Core depends on no other package.',
}
const ownFolder = {
  regex: '(^|/)packages/|^(\\.\\./)+[^.]*/src/',
  message: 'Import another package by its name.',
}

export default defineConfig(
  globalIgnores(['**/dist/', '**/docs/', '**/coverage/']),
  {
    files: ['**/*.ts'],
    ignores: ['tooling/*.config.ts', 'jest.config.ts'],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: {
        project: fileURLToPath(new URL('tsconfig.json', import.meta.url)),
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'object-shorthand': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['after', 'before', 'describe', 'it'] },
          ],
        },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreRestSiblings: true, varsIgnorePattern: '^_$' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Declarations of their own (isolatedDeclarations) want the type on the left at times.
      '@typescript-eslint/consistent-generic-constructors': 'off',
      // To do nothing is a legitimate thing to do.
      '@typescript-eslint/no-empty-function': 'off',
      // It asks for the `!` that another rule forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // `json<T>()` is part of the contract.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // An async function rejects where a plain one throws. It need not await anything for that.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['packages/conformance/**/*.ts', 'packages/*/test/**/*.ts', 'tooling/**/*.ts'],
    rules: {
      // A test waits for flags that a callback turns, which the compiler takes for constants.
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  {
    // Here a wrong type fails a test; and what a test misuses it misuses on purpose.
    files: ['packages/*/test/**/*.ts', 'tooling/**/*.ts'],
    rules: {
      '@typescript-eslint/no-deprecated': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': ['error', noDefaultExports],
      'no-restricted-globals': ['error', ...timers],
      'no-restricted-properties': ['error', ...clocks],
      'no-restricted-imports': ['error', { paths: timerModules, patterns: [onlyCore, ownFolder] }],
    },
  },
  {
    files: ['packages/core/src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: timerModules, patterns: [noNeighbours, ownFolder] },
      ],
    },
  },
  {
    // The one source of time and chance, and the suite's waiting for servers, whose time is real.
    files: ['packages/core/src/contract/runtime.ts', 'packages/conformance/src/wait-for.ts'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
    },
  },
)
