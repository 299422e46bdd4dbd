/** Words of the button that exports a list, in both languages. */
export const exports = {
  zh: {
    button: '导出 XLSX',
    cancel: '取消导出',
    taken: '已取得 {size}',
    empty: '没有可导出的行',
    cut: '只导出了最前的 {n} 行，符合条件的不止这些。请缩小筛选范围后再导出。',
  },
  en: {
    button: 'Export XLSX',
    cancel: 'Cancel the export',
    taken: '{size} so far',
    empty: 'No row to export',
    cut: 'Only the first {n} rows were exported; more fit. Narrow the filter and export again.',
  },
};
