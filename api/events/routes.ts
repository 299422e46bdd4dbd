import { powersOf } from '../loans/powers.ts';
import type { ApiDeps } from '../deps.ts';
import { Sessions, tokenOf } from '../auth/sessions.ts';
import { type Route, route } from '../route.ts';
import type { Change } from './hub.ts';

const BEAT_MS = 15_000;
/** Many changes at once are told as one; those that go on and on while scanners work, less often. */
const GATHER_MS: Record<Change['kind'], number> = {
  loans: 250,
  notices: 250,
  jobs: 250,
  corrections: 250,
  batches: 1000,
  workflows: 1000,
};

/** Live updates by server-sent events (WHATWG HTML §9.2): which kind of thing changed; what it is the page asks for. */
export function eventRoutes(deps: ApiDeps): Route[] {
  const sessions = new Sessions(deps);
  return [
    route({
      method: 'get',
      path: '/events',
      permission: 'session',
      summary: 'Tells when something that I may see has changed, and of which kind (text/event-stream)',
      async handle({ actor, request, response }) {
        const { self, principals } = powersOf(actor);
        const people = [self, ...principals];
        const concerns = ({ people: named, roles, departmentId }: Change) =>
          named.includes(actor.id) ||
          people.some((person) =>
            person.roles.some(
              (role) => roles.includes(role) && (role !== 'departmentHead' || person.departmentId === departmentId),
            ),
          );
        response.writeHead(200, {
          'Content-Type': 'text/event-stream',
          'Cache-Control': 'no-store',
          'X-Accel-Buffering': 'no',
        });
        response.write('retry: 3000\nevent: open\ndata: {}\n\n');
        const waiting = new Map<Change['kind'], NodeJS.Timeout>();
        const tell = (kind: Change['kind']) => {
          waiting.delete(kind);
          response.write(`event: ${kind}\ndata: {}\n\n`);
        };
        const unlisten = deps.events.listen(
          (change) => {
            const { kind } = change;
            if (!waiting.has(kind) && concerns(change)) waiting.set(kind, setTimeout(tell, GATHER_MS[kind], kind));
          },
          () => response.end(),
        );
        // Whoever is logged out hears nothing more; being connected keeps no session alive.
        const token = tokenOf(request.header('cookie')) ?? '';
        const beat = setInterval(() => {
          void sessions.find(token).then(
            (found) => (found === null ? response.end('event: ended\ndata: {}\n\n') : response.write(': beat\n\n')),
            () => response.end(),
          );
        }, BEAT_MS);
        await new Promise<void>((done) => response.once('close', done));
        clearInterval(beat);
        for (const timer of waiting.values()) clearTimeout(timer);
        unlisten();
      },
    }),
  ];
}
