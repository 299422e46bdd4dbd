import { type Connection, Schema } from 'mongoose';

/** A step that is tried again and again: written by the worker that tries it, gone when it succeeds, or is found to be tried no more. */
export interface WorkflowTrouble {
  workflowId: string;
  workflowType: string;
  activity: string;
  code: string;
  attempt: number;
  since: Date;
  at: Date;
}

/** Who sees to a workflow that needs someone. */
export interface WorkflowCare {
  workflowId: string;
  username: string;
  by: string;
  reason: string;
  at: Date;
}

const text = { type: String, required: true } as const;
const instant = { type: Date, required: true } as const;
const trouble = new Schema<WorkflowTrouble>(
  {
    workflowId: text,
    workflowType: text,
    activity: text,
    code: text,
    attempt: { type: Number, required: true },
    since: instant,
    at: instant,
  },
  { strict: 'throw', versionKey: false },
);
trouble.index({ workflowId: 1, activity: 1 }, { unique: true });
trouble.index({ workflowType: 1, since: 1 });
trouble.index({ since: 1 });

const care = new Schema<WorkflowCare>(
  { workflowId: { ...text, unique: true }, username: text, by: text, reason: text, at: instant },
  { strict: 'throw', versionKey: false },
);

export const createWorkflowModels = (connection: Connection) => ({
  WorkflowTrouble: connection.model('WorkflowTrouble', trouble, 'workflowTroubles'),
  WorkflowCare: connection.model('WorkflowCare', care, 'workflowCares'),
});
