import { findDebianParts } from './debian.mjs';
import { findMongod } from './mongod.mjs';
import { findOfdrw } from './ofdrw.mjs';
import { findTemporal, findTestServer } from './temporal.mjs';

/** The real parts, each found or fetched (design §9): paths of mongod, the Temporal CLI, the card module; with `tests` the test server, the browser and ofdrw too. */
export async function provision({ tests = false } = {}) {
  const debian = await findDebianParts({ tests });
  const mongod = await findMongod();
  const temporal = await findTemporal();
  return {
    ...debian,
    mongod,
    temporal,
    ...(tests && { testServer: await findTestServer(), ofdrw: await findOfdrw() }),
  };
}
