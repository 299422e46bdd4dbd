import { SealfolioError } from '../../domain/errors.ts';

/** What leaves the member: an id, who, and which kind; what it is about is read in the app. */
export interface OutgoingNotice {
  noticeId: string;
  username: string;
  kind: string;
}

/** 通知渠道 besides the app: mail, SMS, an IM. `send` may be called again with the same noticeId. */
export interface NoticeChannel {
  channel: string;
  send(notice: OutgoingNotice): Promise<void>;
}

const TIMEOUT_MS = 10_000;

/** Posts notices to an address that the member's IM or message gateway gives. Throws notice-failed. */
export const webhookChannel = (channel: string, url: string): NoticeChannel => ({
  channel,
  async send(notice) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': notice.noticeId },
        body: JSON.stringify(notice),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`${response.status}`);
    } catch (error) {
      throw new SealfolioError('notice-failed', { channel }, { cause: error });
    }
  },
});
