import { allNumbersOf, type Archive, type Store } from '../../platform/store/index.ts';

/** Archives of one side that are shown at the other. */
const MOST = 20;

export interface Kin {
  archiveId: string;
  patientNo: string;
  visitNo: string;
  patientName: string;
  dischargedAt: string;
}

/** 母婴: the archives of a newborn's mother, and of the newborns of a mother; last discharged first. */
export async function familyOf(
  { models }: Pick<Store, 'models'>,
  { patientNo, motherPatientNo }: Archive,
): Promise<{ mother: Kin[]; newborns: Kin[] }> {
  const { Archive } = models;
  const kin = async (of: object): Promise<Kin[]> => {
    const found = await Archive.find(of).sort({ dischargedAt: -1 }).limit(MOST).lean<Archive[]>();
    return found.map(({ dischargedAt, ...one }) => ({
      archiveId: one.archiveId,
      patientNo: one.patientNo,
      visitNo: one.visitNo,
      patientName: one.patientName,
      dischargedAt: dischargedAt.toISOString(),
    }));
  };
  const [mother, newborns] = await Promise.all([
    motherPatientNo === undefined ? [] : kin({ patientNo: { $in: await allNumbersOf(models, [motherPatientNo]) } }),
    kin({ motherPatientNo: { $in: await allNumbersOf(models, [patientNo]) } }),
  ]);
  return { mother, newborns };
}

/** All numbers of whom an archive is about: the patient, a newborn's mother, a mother's newborns. */
export async function familyNumbers(
  { models }: Pick<Store, 'models'>,
  { patientNo, motherPatientNo }: Archive,
): Promise<string[]> {
  const own = await allNumbersOf(models, [patientNo]);
  const newborns = await models.Archive.distinct('patientNo', { motherPatientNo: { $in: own } });
  const kin = [...(motherPatientNo === undefined ? [] : [motherPatientNo]), ...newborns];
  return [...own, ...(await allNumbersOf(models, kin))];
}
