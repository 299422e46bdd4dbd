import { type Client, isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { STEP_NAMES, type TimelineStep } from '../../domain/timeline.ts';

/** gRPC's code 5. */
const NOT_FOUND = 5;

type Event = temporal.api.history.v1.IHistoryEvent;

const toIso = (time: Event['eventTime']): string =>
  new Date(Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6)).toISOString();

/** The steps that a history tells of; events that mean nothing to people are left out. */
export function stepsOf(events: readonly Event[]): TimelineStep[] {
  const steps: TimelineStep[] = [];
  const scheduled = new Map<string, TimelineStep>();
  for (const event of events) {
    const at = toIso(event.eventTime);
    const add = (step: string, extra: Partial<TimelineStep> = {}) => {
      const made: TimelineStep = { step, state: 'done', at, ...extra };
      steps.push(made);
      return made;
    };
    if (event.workflowExecutionStartedEventAttributes) add('started');
    const signal = event.workflowExecutionSignaledEventAttributes?.signalName;
    if (signal !== undefined && signal !== null && signal in STEP_NAMES)
      add(signal, signal === 'attested' ? { proof: true } : {});
    const activity = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (activity !== undefined && activity !== null)
      scheduled.set(String(event.eventId), add(activity, { state: 'running' }));
    const started = event.activityTaskStartedEventAttributes;
    const attempts = started?.attempt ?? 1;
    if (attempts > 1) Object.assign(scheduled.get(String(started!.scheduledEventId)) ?? {}, { attempts });
    const end = (id: unknown, state: TimelineStep['state']) =>
      Object.assign(scheduled.get(String(id)) ?? {}, { state, endedAt: at });
    const completed = event.activityTaskCompletedEventAttributes;
    if (completed) end(completed.scheduledEventId, 'done');
    const failed = event.activityTaskFailedEventAttributes;
    if (failed) {
      const failure = failed.failure?.applicationFailureInfo?.type ?? 'internal';
      Object.assign(end(failed.scheduledEventId, 'failed'), { failure });
    }
    const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name;
    if (update !== undefined && update !== null) add(update);
    if (event.timerFiredEventAttributes) add('timer');
    if (event.workflowExecutionCancelRequestedEventAttributes) add('cancelRequested');
    if (event.workflowExecutionCompletedEventAttributes) add('completed');
    if (event.workflowExecutionFailedEventAttributes || event.workflowExecutionTerminatedEventAttributes)
      add('failed', { state: 'failed' });
  }
  return steps;
}

/** 业务时间线 of a workflow, drawn from the history of its latest run; what is being retried is told with its cause. Empty if it never ran. */
export async function timelineOf(client: Client, workflowId: string): Promise<TimelineStep[]> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
    const steps = stepsOf(history.events ?? []);
    for (const { activityType, attempt, lastFailure } of description.raw.pendingActivities ?? []) {
      const step = steps.findLast(({ step: name, state }) => name === activityType?.name && state === 'running');
      if (step === undefined || (attempt ?? 1) <= 1) continue;
      step.state = 'retrying';
      step.attempts = attempt!;
      step.failure = lastFailure?.applicationFailureInfo?.type ?? 'internal';
    }
    return steps;
  } catch (error) {
    // The history is asked for of the service itself, which has its own way to say it.
    const isGone = error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && error.code === NOT_FOUND);
    if (isGone) return [];
    throw error;
  }
}
