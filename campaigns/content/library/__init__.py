"""What campaigns are made from: templates, brands, saved blocks, snippets, media and versions."""
