// Package compose tests docker-compose.yml, .env.example and services/Dockerfile
// at the top and what they promise. What needs an engine has the build tag
// integration.
package compose
