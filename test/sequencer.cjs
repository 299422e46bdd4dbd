const { readFileSync } = require('node:fs');
const { default: Sequencer } = require('@jest/test-sequencer');

/** By what they are told: suites that put network namespaces up, and take them down. */
const NAMESPACES = /fixtures\/(netns|ledger-net)/;

/** Suites that change the machine's network come last: a browser that runs beside them gives up what it loads (ERR_NETWORK_CHANGED). */
module.exports = class NetworkLast extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    const isLast = ({ path }) => NAMESPACES.test(readFileSync(path, 'utf8'));
    return [...sorted.filter((one) => !isLast(one)), ...sorted.filter(isLast)];
  }
};
