"""The Annex 1 form as a file: read, map, check, preview, import, error workbook."""
