import { EMPTY_POLICY, type Policy, readPolicy } from './policy.ts';

/**
 * The policy in force. One that cannot be read denies everything; addresses and authorities stay those of the last that
 * could be read, so that links stay up and the members can vote for a better one.
 */
export class PolicyState {
  #version = 0;
  #current: Policy | null = null;
  #kept: Policy = EMPTY_POLICY;
  #faults: string[] = [];

  get version(): number {
    return this.#version;
  }

  /** What is wrong with the policy in force; empty if it can be read. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** Its rules count; none if it cannot be read. */
  get policy(): Policy {
    return this.#current ?? { ...this.#kept, rules: [] };
  }

  /** Takes the policy that is in force now. */
  update({ version, document }: { version: number; document: Uint8Array }): void {
    if (version === this.#version) return;
    this.#version = version;
    const read = readPolicy(document);
    if ('policy' in read) {
      this.#current = this.#kept = read.policy;
      this.#faults = [];
    } else {
      this.#current = null;
      this.#faults = read.faults;
    }
  }

  /** Addresses and authorities of an earlier policy, for a node that starts while the one in force cannot be read. */
  keep(policy: Policy): void {
    if (this.#kept === EMPTY_POLICY) this.#kept = policy;
  }
}
