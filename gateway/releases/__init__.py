"""The one road out: grant, decision, intent, pipeline, writer, manifest, outcome."""
