"""谁看过我的孩子: what of a pupil was seen, by whom and why, for the pupil and the guardians; and their questions."""
