"""The same small task built the usual ways, tuned as their documentation advises: what Angarium is measured against."""
