/** Something that is not as it must be. */
export interface Finding {
  where: string;
  reason: string;
}
