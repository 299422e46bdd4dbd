import { Gauge, type Registry } from '../../platform/observe/metrics.ts';
import type { Overlay } from './index.ts';

/** The overlay's figures for Prometheus; the names of members are labels, nothing of what they say. */
export function addOverlayMetrics(overlay: Overlay, registry: Registry): void {
  const gauge = <L extends string>(name: string, help: string, labelNames: L[], collect: (gauge: Gauge<L>) => void) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        collect(this as Gauge<L>);
      },
    });
  gauge(
    'overlay_member_state',
    '1 for the state that a member is in, as seen from here',
    ['member', 'state'],
    (one) => {
      for (const { memberId: member, state } of overlay.members()) one.set({ member, state }, 1);
    },
  );
  gauge('overlay_link_rtt_seconds', 'Round trip of each link', ['member'], (one) => {
    for (const { memberId: member, rttMs } of overlay.links.all()) one.set({ member }, (rttMs ?? 0) / 1000);
  });
  gauge('overlay_link_loss_ratio', 'Heartbeats of each link that got no answer in time', ['member'], (one) => {
    for (const { memberId: member, lossPercent } of overlay.links.all()) one.set({ member }, lossPercent / 100);
  });
  gauge('overlay_link_backlog_bytes', 'Sent on each link and not taken by the system', ['member'], (one) => {
    for (const { memberId: member, backlog } of overlay.links.all()) one.set({ member }, backlog);
  });
  gauge('overlay_sessions', 'Sessions that go on', ['member', 'service'], (one) => {
    for (const { peer: member, service } of overlay.sessions.all()) one.inc({ member, service });
  });
  gauge('overlay_streams', 'Streams that are open', [], (one) =>
    one.set(overlay.sessions.all().reduce((sum, { streams }) => sum + streams, 0)),
  );
  gauge('overlay_relayed_bytes', 'Carried for others', [], (one) => one.set(overlay.router.relayedBytes));
  gauge('overlay_dropped_packets', 'Packets that could go no further here', [], (one) =>
    one.set(overlay.router.droppedPackets),
  );
  gauge('overlay_unattested_sessions', 'Concluded, and not on the ledger yet', [], (one) =>
    one.set(overlay.attestor.waiting),
  );
  gauge('overlay_certificate_days', 'Days until a certificate ends', ['of', 'subject'], (one) => {
    for (const { of, subject, daysLeft } of overlay.certificates()) one.set({ of, subject }, daysLeft);
  });
  gauge('overlay_chain_age_seconds', 'Age of what is known of the chain; beyond 40 no session is served', [], (one) =>
    one.set(overlay.chain.ageMs() / 1000),
  );
  gauge('overlay_policy_readable', '0: the policy cannot be read, and all is denied', [], (one) =>
    one.set(overlay.chain.policy.faults.length === 0 ? 1 : 0),
  );
}
