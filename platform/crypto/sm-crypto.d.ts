declare module 'sm-crypto' {
  interface KeyPair {
    privateKey: string;
    publicKey: string;
  }
  interface SignOptions {
    hash?: boolean;
    der?: boolean;
    userId?: string;
    publicKey?: string;
  }
  interface Sm4Options {
    mode?: 'ecb' | 'cbc';
    iv?: string | number[];
    padding?: 'pkcs#7' | 'pkcs#5' | 'none';
    output?: 'string' | 'array';
  }
  interface SmCrypto {
    sm2: {
      generateKeyPairHex(): KeyPair;
      verifyPublicKey(publicKey: string): boolean;
      getPublicKeyFromPrivateKey(privateKey: string): string;
      doSignature(message: string | number[], privateKey: string, options?: SignOptions): string;
      doVerifySignature(
        message: string | number[],
        signature: string,
        publicKey: string,
        options?: SignOptions,
      ): boolean;
    };
    sm3(message: string | number[] | Uint8Array, options?: { key: string; mode?: 'hmac' }): string;
    sm4: {
      encrypt(data: string | number[], key: string | number[], options?: Sm4Options): unknown;
      decrypt(data: string | number[], key: string | number[], options?: Sm4Options): unknown;
    };
  }
  const smCrypto: SmCrypto;
  export default smCrypto;
}
