"""The student's trusted digital education identity: SD-JWT VC, status list, verification."""
