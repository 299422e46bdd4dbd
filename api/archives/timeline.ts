import { type Client, isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter, type PayloadCodec } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { LoanAct } from '../../domain/loan/acts.ts';
import { STEP_NAMES, type TimelineStep } from '../../domain/timeline.ts';
import { type AskedFrontPage, loanActUpdate } from '../../workflows/shared.ts';

/** gRPC's code 5. */
const NOT_FOUND = 5;

/** Temporal knows of no such workflow, whichever of its interfaces says it. */
export const isNotFound = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && error.code === NOT_FOUND);

type Event = temporal.api.history.v1.IHistoryEvent;

/** The instant of an event. */
export const toIso = (time: Event['eventTime']): string =>
  new Date(Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6)).toISOString();

/** What each act on a loan is called, by the event's id: the name alone, of all that is encrypted in the history. */
async function actsOf(events: readonly Event[], codec: PayloadCodec): Promise<Map<string, LoanAct['act']>> {
  const asked = events.flatMap(({ eventId, workflowExecutionUpdateAcceptedEventAttributes: update }) => {
    const input = update?.acceptedRequest?.input;
    const [payload] = input?.name === loanActUpdate.name ? (input.args?.payloads ?? []) : [];
    return payload === undefined ? [] : [{ id: String(eventId), payload }];
  });
  const decoded = await codec.decode(asked.map(({ payload }) => payload));
  return new Map(
    decoded.map((payload, i) => [asked[i]!.id, defaultPayloadConverter.fromPayload<LoanAct>(payload).act]),
  );
}

/** The step that says what it found. */
const ASKED = 'askFrontPage';
/** What each `askFrontPage` found, by the id of the event that began it. */
async function textsOf(events: readonly Event[], codec: PayloadCodec): Promise<Map<string, string>> {
  const asked = new Set(
    events
      .filter(({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === ASKED)
      .map(({ eventId }) => String(eventId)),
  );
  const answered = events.flatMap(({ activityTaskCompletedEventAttributes: completed }) => {
    const [id, payload] = [String(completed?.scheduledEventId), completed?.result?.payloads?.[0]];
    return asked.has(id) && payload !== undefined ? [{ id, payload }] : [];
  });
  const decoded = await codec.decode(answered.map(({ payload }) => payload));
  return new Map(
    decoded.map((payload, i) => [answered[i]!.id, defaultPayloadConverter.fromPayload<AskedFrontPage>(payload).text]),
  );
}

/** What is read in clear of a history, by the id of an event. */
interface Read {
  acts: ReadonlyMap<string, LoanAct['act']>;
  texts: ReadonlyMap<string, string>;
}

/** The steps that a history tells of; events that mean nothing to people are left out. */
function stepsOf(events: readonly Event[], { acts, texts }: Read): TimelineStep[] {
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
    if (completed) {
      const text = texts.get(String(completed.scheduledEventId));
      Object.assign(end(completed.scheduledEventId, 'done'), text === undefined ? {} : { text });
    }
    const failed = event.activityTaskFailedEventAttributes;
    if (failed) {
      const failure = failed.failure?.applicationFailureInfo?.type ?? 'internal';
      Object.assign(end(failed.scheduledEventId, 'failed'), { failure });
    }
    const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name;
    const act = acts.get(String(event.eventId));
    if (update !== undefined && update !== null) add(update, act === undefined ? {} : { act });
    if (event.timerFiredEventAttributes) add('timer');
    if (event.workflowExecutionCancelRequestedEventAttributes) add('cancelRequested');
    if (event.workflowExecutionCompletedEventAttributes) add('completed');
    const isBroken =
      event.workflowExecutionFailedEventAttributes ||
      event.workflowExecutionTimedOutEventAttributes ||
      event.workflowExecutionTerminatedEventAttributes;
    if (isBroken) add('failed', { state: 'failed' });
  }
  return steps;
}

/** 业务时间线 of a workflow, drawn from the history of its latest run; what is being retried is told with its cause; what a step found, only to who reads archives (`withTexts`). Empty if it never ran. */
export async function timelineOf(
  client: Client,
  codec: PayloadCodec,
  workflowId: string,
  { withTexts = false } = {},
): Promise<TimelineStep[]> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
    const events = history.events ?? [];
    const [acts, texts] = await Promise.all([
      actsOf(events, codec),
      withTexts ? textsOf(events, codec) : new Map<string, string>(),
    ]);
    const steps = stepsOf(events, { acts, texts });
    for (const { activityType, attempt, lastFailure } of description.raw.pendingActivities ?? []) {
      const step = steps.findLast(({ step: name, state }) => name === activityType?.name && state === 'running');
      if (step === undefined || (attempt ?? 1) <= 1) continue;
      step.state = 'retrying';
      step.attempts = attempt!;
      step.failure = lastFailure?.applicationFailureInfo?.type ?? 'internal';
    }
    return steps;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
