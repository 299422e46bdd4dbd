export { anchoringWorkflow } from './anchoring.ts';
export { archiveLoanWorkflow } from './archive-loan.ts';
export { catalogRebuildWorkflow } from './catalog-rebuild.ts';
export { classificationWorkflow } from './classification.ts';
export { dischargeArchivingWorkflow } from './discharge-archiving.ts';
export { bulkLoanWorkflow, loanClosingWorkflow } from './loan-jobs.ts';
export { noticeDeliveryWorkflow } from './notice-delivery.ts';
export { sweepWorkflow } from './sweep.ts';
