import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { hmacSm3 } from '../crypto/index.ts';
import type { PatientSalt, createTraceModels } from './models/trace.ts';

const SALT_BYTES = 32;
const ID_CHARACTERS = 32;
/** Patients whose id is remembered. */
const MOST_KNOWN = 5000;
/** A salt that is erased through another process is forgotten here after this long. */
const KNOWN_MS = 60_000;

/**
 * Opaque ids of patients in the trace. Each is made of 病案号 under a salt of the patient's own and the key of the trace:
 * whoever has the database alone makes none, and once the salt is erased nobody does.
 */
export class Pseudonyms {
  readonly #known = new LRUCache<string, Promise<string>>({ max: MOST_KNOWN, ttl: KNOWN_MS });

  constructor(
    private readonly salts: ReturnType<typeof createTraceModels>['PatientSalt'],
    private readonly keyOf: () => Promise<Buffer>,
  ) {}

  /** The id of today; its salt is made when it is first asked for. Throws card-unavailable. */
  of(patientNo: string): Promise<string> {
    const known = this.#known.get(patientNo);
    if (known !== undefined) return known;
    const made = this.#make(patientNo);
    this.#known.set(patientNo, made);
    made.catch(() => this.#known.delete(patientNo));
    return made;
  }

  /** In rows of before `format` 3: under the key alone, so that no salt takes it away. */
  ofBefore(patientNo: string): Promise<string> {
    return this.#id('sealfolio/trace-patient/1\0', patientNo);
  }

  /** By what the salt of a patient is found. */
  async saltKey(patientNo: string): Promise<string> {
    return this.#keyed('sealfolio/trace-salt/1\0', patientNo);
  }

  /** Its salt was erased. */
  forget(patientNo: string): void {
    this.#known.delete(patientNo);
  }

  async #make(patientNo: string): Promise<string> {
    const key = await this.saltKey(patientNo);
    const { salt } =
      (await this.salts.findOne({ key }).lean<PatientSalt>()) ??
      // Of two at once one makes it, and both have that one.
      (await this.salts
        .findOneAndUpdate(
          { key },
          { $setOnInsert: { salt: randomBytes(SALT_BYTES).toString('hex') } },
          { upsert: true, returnDocument: 'after' },
        )
        .lean<PatientSalt>());
    return this.#id(`sealfolio/trace-patient/2\0${salt}`, patientNo);
  }

  async #id(domain: string, patientNo: string): Promise<string> {
    return `pt_${(await this.#keyed(domain, patientNo)).slice(0, ID_CHARACTERS)}`;
  }

  async #keyed(domain: string, text: string): Promise<string> {
    return hmacSm3(await this.keyOf(), Buffer.from(`${domain}${text}`)).toString('hex');
  }
}
