export { anchoringWorkflow } from './anchoring.ts';
export { dischargeArchivingWorkflow } from './discharge-archiving.ts';
export { sweepWorkflow } from './sweep.ts';
