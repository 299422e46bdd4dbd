/** Real servers take their time, and so does a full machine: this is a bound for a hang, not a measure. */
jest.setTimeout(240_000);
