const common = {
  testEnvironment: 'node',
  setupFilesAfterEnv: ['<rootDir>/test/setup/timeout.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs', ignoreDynamic: true },
      },
    ],
  },
};

/** `unit` needs no server; `servers` runs on real ones, which its global setup starts. */
export default {
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    {
      ...common,
      displayName: 'servers',
      testMatch: ['<rootDir>/test/{integration,workflows,replay,faults,interop,browser,sim}/**/*.test.ts'],
      globalSetup: '<rootDir>/test/setup/global-setup.ts',
      globalTeardown: '<rootDir>/test/setup/global-teardown.ts',
    },
  ],
  maxWorkers: 2,
  testSequencer: '<rootDir>/test/sequencer.cjs',
  reporters: ['default', '<rootDir>/test/count-reporter.cjs'],
};
