import { type DerReader, readDer } from '../../crypto/der-reader.ts';
import { isSealfolioError } from '../../../domain/errors.ts';

const [SEQUENCE, OCTET_STRING, INTEGER, IA5_STRING] = [0x30, 0x04, 0x02, 0x16];

/** Past an SES_Header, the seal's number and its property lies the picture (SES_ESPictrueInfo), in all versions. */
function pictureIn(info: DerReader): Buffer {
  info.next(SEQUENCE);
  info.next(IA5_STRING);
  info.next(SEQUENCE);
  const picture = info.enter(SEQUENCE);
  picture.next();
  return picture.next(OCTET_STRING).content;
}

/**
 * The picture of an SES seal, or of the seal in an SES signature value (GM/T 0031, GB/T 38540): its bytes as they are.
 * Null if the file is neither, as a signature without a seal is. Nothing is verified.
 */
export function sealPictureOf(data: Buffer): Buffer | null {
  try {
    return readDer(data, (reader) => {
      const outer = reader.enter(SEQUENCE);
      const inner = outer.enter(SEQUENCE);
      // A seal begins with its SES_SealInfo; a signature value with what it signs: a version, then the seal.
      if (inner.isNext(SEQUENCE)) return pictureIn(inner);
      inner.next(INTEGER);
      return pictureIn(inner.enter(SEQUENCE).enter(SEQUENCE));
    });
  } catch (error) {
    if (isSealfolioError(error)) return null;
    throw error;
  }
}
