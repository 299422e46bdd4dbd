import * as der from '../crypto/der.ts';
import { sm2, sm3 } from '../crypto/index.ts';
import { signatureToDer } from '../crypto/sm2-encoding.ts';
import { OID } from '../crypto/x509.ts';

/** GB/T 38540-2020: the version that SES headers carry. */
const SES_VERSION = 4;
const UNIT_SEAL = 1;
const CERTIFICATES = 1;

export interface SealRequest {
  sealId: string;
  name: string;
  /** PNG, and its size on paper in millimetres. */
  picture: { png: Buffer; widthMm: number; heightMm: number };
  /** DER of the certificates that may use this seal. */
  signers: readonly Buffer[];
  validFrom: Date;
  validTo: Date;
}

/** Makes an SES v4 seal (GB/T 38540 §7: SESeal), signed by its maker over the DER of SES_SealInfo. */
export function makeSeal(
  { sealId, name, picture, signers, validFrom, validTo }: SealRequest,
  maker: { certificate: Buffer; privateKey: Uint8Array },
): Buffer {
  const header = der.sequence(der.ia5String('ES'), der.integer(SES_VERSION), der.ia5String('sealfolio'));
  const property = der.sequence(
    der.integer(UNIT_SEAL),
    der.utf8String(name),
    der.integer(CERTIFICATES),
    der.sequence(...signers.map((certificate) => der.octetString(certificate))),
    der.generalizedTime(validFrom),
    der.generalizedTime(validFrom),
    der.generalizedTime(validTo),
  );
  const image = der.sequence(
    der.ia5String('PNG'),
    der.octetString(picture.png),
    der.integer(picture.widthMm),
    der.integer(picture.heightMm),
  );
  const info = der.sequence(header, der.ia5String(sealId), property, image);
  return der.sequence(
    info,
    der.octetString(maker.certificate),
    der.objectIdentifier(OID.sm2WithSm3),
    der.bitString(signatureToDer(sm2.sign(maker.privateKey, info))),
  );
}

export interface Sealer {
  /** DER of the SESeal. */
  seal: Buffer;
  /** DER of the certificate that signs, one of the seal's own. */
  certificate: Buffer;
  sign(message: Uint8Array): Promise<Buffer> | Buffer;
}

/** The signature value (GB/T 38540 §8: SES_Signature) over the bytes of a Signature.xml, which lies at `location`. */
export async function signWithSeal(
  { seal, certificate, sign }: Sealer,
  signatureXml: Buffer,
  location: string,
  at: Date,
): Promise<Buffer> {
  const toSign = der.sequence(
    der.integer(SES_VERSION),
    seal,
    der.generalizedTime(at),
    der.bitString(sm3(signatureXml)),
    der.ia5String(location),
  );
  return der.sequence(
    toSign,
    der.octetString(certificate),
    der.objectIdentifier(OID.sm2WithSm3),
    der.bitString(signatureToDer(await sign(toSign))),
  );
}
