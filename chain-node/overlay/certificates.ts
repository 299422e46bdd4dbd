import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fingerprintOf, type Policy } from './policy.ts';

const DAY_MS = 86_400_000;
/** Days before its end at which a certificate is warned of. */
export const WARN_DAYS = [7, 30, 90] as const;

export interface CertificateStatus {
  of: 'member' | 'authority';
  subject: string;
  sha256: string;
  notBefore: string;
  notAfter: string;
  daysLeft: number;
  /** The narrowest of 90, 30 and 7 days that it is within; 0 if it has ended; null if it is far. */
  warning: number | null;
}

export function certificateStatus(
  of: CertificateStatus['of'],
  pem: string | Buffer,
  now = Date.now(),
): CertificateStatus {
  const certificate = new X509Certificate(pem);
  const { subject, validFrom, validTo } = certificate;
  const leftMs = Date.parse(validTo) - now;
  const warning = leftMs <= 0 ? 0 : (WARN_DAYS.find((days) => leftMs <= days * DAY_MS) ?? null);
  return {
    of,
    subject: /(?:^|\n)CN=(.*)/.exec(subject)?.[1] ?? subject,
    sha256: fingerprintOf(certificate),
    notBefore: new Date(validFrom).toISOString(),
    notAfter: new Date(validTo).toISOString(),
    daysLeft: Math.floor(leftMs / DAY_MS),
    warning,
  };
}

/** Our own certificate, and those of the authorities in the policy. */
export function certificatesNow(certFile: string, policy: Policy): CertificateStatus[] {
  return [
    certificateStatus('member', readFileSync(certFile)),
    ...policy.authorities.map(({ pem }) => certificateStatus('authority', pem)),
  ];
}
