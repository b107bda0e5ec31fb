mod damage;
mod doubles;
mod reading;
mod trips;
mod writing;
