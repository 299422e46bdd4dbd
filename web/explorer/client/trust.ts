import { defineStore } from 'pinia';
import { toHex } from '../../../verifier/bytes.ts';
import { genesisHash, type GenesisDocument, membersHash, type Trust } from '../../../verifier/index.ts';
import { browserCrypto } from '../../shared/verify/crypto.ts';
import { ask } from './ask.ts';
import { read, write } from '../../shared/storage.ts';

const KEY = 'explorer.genesis';

/**
 * Where the reader's trust begins. A genesis hash that was got elsewhere says which chain is meant; one taken from the
 * node that is asked proves only that the node agrees with itself.
 */
export type TrustSource = 'given' | 'node' | 'differs' | 'none';

/** What the reader believes to be the chain. */
export const useTrust = defineStore('trust', {
  state: () => ({
    /** Of this node, its hashes made anew here; null if it was not to be had, or is not what it says. */
    own: null as Trust | null,
    /** The genesis hash that the reader typed. */
    pasted: read(KEY) ?? '',
    /** An anchor that the reader gave as a file. */
    anchor: null as Trust | null,
  }),
  getters: {
    given: ({ pasted }): string | null => (/^[0-9a-f]{64}$/.test(pasted) ? pasted : null),
    source(): TrustSource {
      if (this.anchor !== null) return 'given';
      if (this.own === null) return 'none';
      if (this.given === null) return 'node';
      return this.given === this.own.genesisHash ? 'given' : 'differs';
    },
  },
  actions: {
    async load() {
      const answer = await ask<GenesisDocument & { hash: string }>('/v1/genesis');
      if (answer.kind !== 'found') return;
      const { chainId, members, hash } = answer.value;
      const { sm3 } = browserCrypto;
      const [own, ofMembers] = [genesisHash(answer.value, sm3), membersHash(members, sm3)];
      const isTrue = own !== null && ofMembers !== null && toHex(own) === hash;
      this.own = isTrue ? { chainId, genesisHash: hash, membersHash: toHex(ofMembers) } : null;
    },
    paste(text: string) {
      this.pasted = text.trim().toLowerCase();
      write(KEY, this.pasted);
    },
    /** The anchor to check a receipt of this chain by; null if none is known that says anything of it. */
    forChain(genesis: string): Trust | null {
      if (this.anchor !== null) return this.anchor;
      if (this.own === null) return null;
      const { given } = this;
      if (given === null || given === this.own.genesisHash) return this.own;
      // The reader means another chain than this node's: its members are not known here.
      return given === genesis ? null : { ...this.own, genesisHash: given };
    },
  },
});
