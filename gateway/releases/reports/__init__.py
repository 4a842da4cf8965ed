"""The release report on paper: what stands beside the figures, pictures, page and PDF."""
