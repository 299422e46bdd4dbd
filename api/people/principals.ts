import type { PipelineStage } from 'mongoose';
import type { Role } from '../../domain/access.ts';
import { isNow, type Store } from '../../platform/store/index.ts';

/** Whom someone acts for now, by a deputy's term, and until when. */
export interface Principal {
  username: string;
  roles: readonly Role[];
  departmentId?: string;
  until: Date;
}

/** Terms that are acting (domain/people.ts), by the clock of the database. */
export const ACTING = { ...isNow('from', 'to'), endedAt: { $exists: false } };

/** Stage that adds to each account its `principals`: of terms that are acting, those who may log in. */
export const withPrincipals = ({ models: { Deputy, User } }: Store): PipelineStage.Lookup => ({
  $lookup: {
    from: Deputy.collection.name,
    localField: 'username',
    foreignField: 'deputy',
    as: 'principals',
    pipeline: [
      { $match: ACTING },
      { $group: { _id: '$principal', until: { $max: '$to' } } },
      {
        $lookup: {
          from: User.collection.name,
          localField: '_id',
          foreignField: 'username',
          pipeline: [{ $match: { disabled: false } }],
          as: 'user',
        },
      },
      { $unwind: '$user' },
      {
        $project: { _id: 0, username: '$_id', until: 1, roles: '$user.roles', departmentId: '$user.departmentId' },
      },
    ],
  },
});
