"""An answer as the configuration of a program: isoflop's own, Hugging Face transformers, nanochat or OLMo-core."""
