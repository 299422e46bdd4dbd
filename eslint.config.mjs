import globals from 'globals';
import tseslint from 'typescript-eslint';
import vue from 'eslint-plugin-vue';

/** Which folders a folder may import (design §2: arrows go one way). Type-only imports follow the same rule but for workflows ► activities. */
const ARROWS = {
  domain: [],
  platform: ['domain', 'chain-node/codec'],
  workflows: ['domain'],
  activities: ['domain', 'platform', 'workflows', 'verifier'],
  workers: ['domain', 'platform', 'activities', 'workflows'],
  api: ['domain', 'platform', 'workflows', 'verifier'],
  'chain-node': ['platform/crypto', 'platform/card', 'platform/config', 'platform/observe'],
  web: ['domain', 'verifier'],
  verifier: [],
};
const FOLDERS = [
  'domain',
  'verifier',
  'platform',
  'workflows',
  'activities',
  'workers',
  'api',
  'chain-node',
  'web',
  'ops',
  'test',
  'bench',
];

function arrows(folder, allowed) {
  const banned = FOLDERS.filter((other) => other !== folder && !allowed.includes(other));
  const patterns = banned.map((other) => {
    const kept = allowed.filter((name) => name.startsWith(`${other}/`)).map((name) => name.slice(other.length + 1));
    const tail = kept.length > 0 ? `(?!(${kept.join('|')})/)` : '';
    return {
      regex: `^(\\.\\./)+${other}/${tail}`,
      message: `${folder}/ must not import ${other}/ (design §2).`,
      allowTypeImports: folder === 'workflows' && other === 'activities',
    };
  });
  if (['domain', 'workflows', 'verifier'].includes(folder))
    patterns.push({ regex: '^node:|^(fs|path|crypto|mongoose|mongodb|express)$', message: `${folder}/ does no I/O.` });
  return {
    files: [`${folder}/**/*.{ts,vue}`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
}

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.sealfolio/**', 'test/replay/histories/**'] },
  ...tseslint.configs.recommended,
  ...vue.configs['flat/recommended'],
  {
    files: ['test/browser/**/*.ts', 'test/fixtures/browser.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { property: 'waitForFunction', message: "The pages' policy forbids its second try: use `holds`." },
        { property: 'waitForTimeout', message: 'Wait for what is to come, not for a time.' },
      ],
    },
  },
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: tseslint.parser }, globals: globals.browser },
    rules: {
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'off',
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['web/**'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  ...Object.entries(ARROWS).map(([folder, allowed]) => arrows(folder, allowed)),
);
