declare module '*.vue' {
  import type { DefineComponent } from 'vue';
  const component: DefineComponent<object, object, unknown>;
  export default component;
}

declare module 'sm-crypto' {
  export const sm2: {
    doVerifySignature(
      message: number[] | string,
      signature: string,
      publicKey: string,
      options: { hash?: boolean; der?: boolean; userId?: string },
    ): boolean;
  };
  export function sm3(input: number[] | string): string;
  const all: { sm2: typeof sm2; sm3: typeof sm3 };
  export default all;
}
