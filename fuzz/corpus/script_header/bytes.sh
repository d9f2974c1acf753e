#!/opt/ÿþ/run -Ã©
