/** Real servers take their time; this is a bound for a hang, not a measure. */
jest.setTimeout(240_000);
