"""One small file a lease manager; each exports `PLUGIN`."""
