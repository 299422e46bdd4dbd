import { Client, Connection } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';

/** A client of the member's namespace; its payloads go through the member's codec. */
export async function connectTemporal(
  { address, namespace }: { address: string; namespace: string },
  codec: PayloadCodec,
): Promise<Client> {
  const connection = await Connection.connect({ address, connectTimeout: '20 s' });
  return new Client({ connection, namespace, dataConverter: { payloadCodecs: [codec] } });
}
