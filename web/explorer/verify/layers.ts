import { blockHash, type Layer, type LayerName, type LedgerReceipt } from '../../../verifier/index.ts';
import { toHex } from '../../../verifier/bytes.ts';
import { browserCrypto } from '../../shared/verify/crypto.ts';
import type { Step } from '../check/step.ts';
import type { TrustSource } from '../client/trust.ts';

/** What a layer was found to be true by: the numbers and hashes that another tool can be held against. */
function evidenceOf(
  layer: LayerName,
  { index, entry, header, commit, members, handovers, genesisHash }: LedgerReceipt,
  fileDigest: string | null,
) {
  switch (layer) {
    case 'form':
      return undefined;
    case 'file':
      return fileDigest === null ? undefined : `SM3 ${fileDigest}`;
    case 'manifest':
      return `digest ${entry.record.digest}`;
    case 'inclusion':
      return `${index} / ${header.logSize} → ${header.logRoot}`;
    case 'header':
      return `${header.height} = ${toHex(blockHash(header, browserCrypto.sm3))}`;
    case 'commit': {
      const validators = members.filter(({ role }) => role === 'validator').length;
      return `${commit.signatures.map(({ memberId }) => memberId).join(', ')} (${commit.signatures.length}/${validators})`;
    }
    case 'handover':
      return `${handovers.length}`;
    case 'trust':
      return `genesis ${genesisHash}`;
  }
}

/** The verifier's layers as steps of a page. An anchor that came from the node that is asked is named as such. */
export const layerSteps = (
  layers: readonly Layer[],
  source: TrustSource,
  ledger?: LedgerReceipt,
  fileDigest: string | null = null,
): Step[] =>
  layers.map(({ layer, state, reason }) => {
    const detail =
      reason ?? (state === 'pass' && ledger !== undefined ? evidenceOf(layer, ledger, fileDigest) : undefined);
    return {
      name: layer === 'trust' && state === 'pass' && source === 'node' ? 'layer.trustNode' : `layer.${layer}`,
      state,
      ...(detail !== undefined && { detail }),
    };
  });
