export { anchoringWorkflow } from './anchoring.ts';
export { dischargeArchivingWorkflow } from './discharge-archiving.ts';
