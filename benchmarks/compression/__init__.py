"""What compression costs a real model: SmolLM2-135M, judged by perplexity and by KL to itself uncompressed."""
