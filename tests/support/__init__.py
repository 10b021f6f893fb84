"""What several tests need: kernels in processes of their own, and the databases they leave."""
