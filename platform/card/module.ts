import koffi from 'koffi';
import pkcs11js from 'pkcs11js';

/** The environment that a native library reads; process.env may be a copy (worker threads, Jest). */
const setenv = koffi.load(null).func('int setenv(const char *name, const char *value, int overwrite)');

/** A loaded PKCS#11 module. C_Initialize is once a process (PKCS#11 v2.40 §5.4), so cards of one module share it. */
class Module {
  readonly pkcs11 = new pkcs11js.PKCS11();
  users = 0;

  constructor(
    readonly modulePath: string,
    readonly softhsmConf: string | undefined,
  ) {
    this.pkcs11.load(modulePath);
    try {
      this.initialize();
    } catch (error) {
      this.pkcs11.close();
      throw error;
    }
  }

  /** SoftHSM reads its tokens only here, so a token that came back is seen only by a module loaded anew. */
  private initialize(): void {
    if (this.softhsmConf !== undefined) setenv('SOFTHSM2_CONF', this.softhsmConf, 1);
    this.pkcs11.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  }
}

const loaded = new Map<string, Module>();

/** The module at this path, loaded once; throws on a second card of this process with another SoftHSM configuration. */
export function acquireModule(modulePath: string, softhsmConf: string | undefined): Module {
  let module = loaded.get(modulePath);
  if (module === undefined) {
    module = new Module(modulePath, softhsmConf);
    loaded.set(modulePath, module);
  }
  if (module.softhsmConf !== softhsmConf) throw new Error('this module is open with another token folder');
  module.users += 1;
  return module;
}

/** Gives it back; the last one out finalizes it. */
export function releaseModule(module: Module): void {
  module.users -= 1;
  if (module.users > 0) return;
  loaded.delete(module.modulePath);
  try {
    module.pkcs11.C_Finalize();
  } finally {
    module.pkcs11.close();
  }
}

export type { Module };
