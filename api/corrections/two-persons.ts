import type { ClientSession, Model } from 'mongoose';
import { rolesWith } from '../../domain/access.ts';
import { SealfolioError } from '../../domain/errors.ts';
import type { NoticeKind } from '../../domain/notices.ts';
import { type Asked, type News, settleNotices, type User, writeNotices } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { displayNames } from '../people/names.ts';
import type { Actor } from '../route.ts';
import { wakeNotices } from '../waking.ts';

const DUPLICATE_KEY = 11_000;

export interface Who {
  actor: Actor;
  requestId: string;
}

/** Codes and notices begin with its name. */
interface Kind<Row extends Asked> {
  name: 'correction' | 'merge';
  model: Pick<Model<Row, object, object, { id: string }>, 'findOne' | 'create' | 'updateOne'>;
  /** What one of them is found by. */
  idOf(row: Row): Record<string, unknown>;
  /** Names it in its notices. */
  subjectOf(row: Row): string;
}

/** 两人审批: what one person asks for, another approves or refuses, once; or who asked withdraws it. */
export class TwoPersons<Row extends Asked> {
  constructor(
    private readonly deps: Pick<ApiDeps, 'store' | 'memberId' | 'noticeChannels' | 'temporal' | 'logger'>,
    private readonly kind: Kind<Row>,
  ) {}

  /** One that waits. Throws …-not-found, or …-decided with who was first. */
  async waiting(id: Record<string, unknown>): Promise<Row> {
    const { name, model } = this.kind;
    const found = await model.findOne(id as never).lean<(Row & { _id?: unknown }) | null>();
    if (found === null) throw new SealfolioError(`${name}-not-found`, id);
    const { _id, ...waiting } = found;
    const { state, decidedBy, decidedAt } = found;
    if (state === 'proposed') return waiting as unknown as Row;
    const names = decidedBy === undefined ? {} : await displayNames(this.deps.store, [decidedBy]);
    throw new SealfolioError(`${name}-decided`, {
      ...id,
      state,
      ...(decidedBy !== undefined && { decidedBy, decidedByName: names[decidedBy] ?? decidedBy }),
      ...(decidedAt !== undefined && { decidedAt: decidedAt.toISOString() }),
    });
  }

  /** One that waits, as this person approves it. Throws …-own, and what `waiting` throws. */
  async approvedBy(id: Record<string, unknown>, { actor }: Who): Promise<Row> {
    const waiting = await this.waiting(id);
    if (waiting.by === actor.id) throw new SealfolioError(`${this.kind.name}-own`, id);
    return { ...waiting, state: 'inForce', decidedBy: actor.id, decidedAt: new Date() };
  }

  /** Nobody else withdraws it. Throws …-others. */
  requireOwn(waiting: Row, { actor }: Who): void {
    if (waiting.by !== actor.id) throw new SealfolioError(`${this.kind.name}-others`, this.kind.idOf(waiting));
  }

  /** Has it wait for a decision. False if another was first. */
  async wait(made: Row): Promise<boolean> {
    const isWritten = await orTaken(async () => {
      await this.#told(made, async (session) => {
        await this.kind.model.create([made] as never, { session });
        return true;
      });
      return true;
    });
    if (isWritten) await wakeNotices(this.deps);
    return isWritten;
  }

  /** One that waits never comes in force. Throws …-decided if someone was first. */
  async end(how: Row, { actor }: Who): Promise<void> {
    const ended = { ...how, decidedBy: actor.id, decidedAt: new Date() };
    const id = this.kind.idOf(how);
    const isFirst = await this.#told(ended, async (session) => {
      const waits = { ...id, state: 'proposed' } as never;
      const { matchedCount } = await this.kind.model.updateOne(waits, { $set: ended } as never, { session });
      if (matchedCount === 0) return false;
      const { archiveId } = how;
      await settleNotices(this.deps.store.models, { archiveId, kinds: [`${this.kind.name}Waits`] }, session);
      return true;
    });
    if (!isFirst) await this.waiting(id);
    await wakeNotices(this.deps);
  }

  /** Who is told how it stands: those who may decide it that it waits, who asked for it what another decided. */
  async newsOf(row: Row): Promise<News[]> {
    const { archiveId, state, by, at, decidedBy, decidedAt = at, refusal } = row;
    const { models } = this.deps.store;
    const about = { of: this.kind.subjectOf(row), archiveId };
    const named = (what: 'Waits' | 'Refused' | 'Approved'): NoticeKind => `${this.kind.name}${what}`;
    if (state === 'proposed') {
      const may = { roles: { $in: rolesWith('correction:decide') }, disabled: false, username: { $ne: by } };
      const people = (await models.User.find(may).select('username').lean<User[]>()).map(({ username }) => username);
      return [{ ...about, kind: named('Waits'), people, at }];
    }
    if (decidedBy === undefined || decidedBy === by) return [];
    const told = { ...about, people: [by], at: decidedAt };
    return [
      state === 'refused' ? { ...told, kind: named('Refused'), reason: refusal } : { ...told, kind: named('Approved') },
    ];
  }

  /** Writes it, and who is told of it, in one transaction; nobody is told if nothing was written. */
  async #told(row: Row, write: (session: ClientSession) => Promise<boolean>): Promise<boolean> {
    const { models, connection } = this.deps.store;
    const news = await this.newsOf(row);
    let isWritten = false;
    await connection.transaction(async (session) => {
      isWritten = await write(session);
      if (isWritten) await writeNotices(models, news, this.deps.noticeChannels, session);
    });
    return isWritten;
  }
}

/** False if what is unique of it is taken, or one waits already. */
export async function orTaken(run: () => Promise<boolean>): Promise<boolean> {
  try {
    return await run();
  } catch (error) {
    if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
    return false;
  }
}
