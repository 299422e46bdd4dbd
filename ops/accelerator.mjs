// `npm run accelerator`: builds the optional library for SM2 and says how nodes use it.
import { checkNode, refuse } from './prepare.mjs';
import { findAccelerator } from './provision/accelerator.mjs';

checkNode();
const { library, reason } = findAccelerator();
if (library === null) refuse(`The accelerator could not be built: ${reason}. Nodes work without it.`);
process.stdout.write(`SEALFOLIO_ACCELERATOR=${library}\n`);
process.stderr.write('Set this in the environment of `npm start`, or of a node.\n');
