"""What an account holds, made and risks."""
